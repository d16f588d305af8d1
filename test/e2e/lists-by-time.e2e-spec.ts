import type { Principal } from '../../src/access/principal.js';
import { encodeCursor } from '../../src/http/page.dto.js';
import { EnrollmentsService } from '../../src/records/enrollments/enrollments.service.js';
import { SubmissionsService } from '../../src/records/submissions/submissions.service.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

const admin: Principal = { sub: 'root', role: 'admin' };
let database: TestDatabase;

beforeEach(async () => {
  database = await createTestDatabase();
  await database.dataSource.query(`
    INSERT INTO users (code, role) SELECT 'S' || n, 'student' FROM generate_series(1, 9) n;
    INSERT INTO courses (code, name, starts_at, ends_at)
      VALUES ('C', 'C', now() - interval '9 days', now() + interval '9 days');
    INSERT INTO enrollments (user_id, course_id, enrolled_at)
      SELECT id, 1, now() - (20 - id) * interval '1 hour' FROM users;
    INSERT INTO activities (code, course_id, title, kind, status) VALUES ('A', 1, 'A', 'quiz', 'published');
    INSERT INTO submissions (user_id, activity_id, attempt_no, submitted_at)
      SELECT id, 1, 1, now() - (20 - id) * interval '1 hour' FROM users`);
});

afterEach(() => database.drop());

describe('a list by time', () => {
  it.each([
    ['was deleted', 'DELETE FROM enrollments WHERE id = 3'],
    ['was moved', 'UPDATE enrollments SET enrolled_at = now() WHERE id = 3'],
  ])('goes on where the last page ended, also when its last row %s meanwhile', async (_, change) => {
    const service = new EnrollmentsService(database.dataSource);
    const { next_cursor: cursor } = await service.list(admin, { limit: 3 });
    await database.dataSource.query(change);

    const { data } = await service.list(admin, { limit: 3, cursor: cursor ?? '' });

    expect(data.map((enrollment) => enrollment.enrollment_id)).toEqual(['4', '5', '6']);
  });

  it("tells a student by no cursor when another's attempt was made, or whether there is one", async () => {
    const service = new SubmissionsService(database.dataSource);
    const before = '1000000000000000';
    const list = async (id: string) =>
      service.list(
        { sub: 'S5', role: 'student' },
        { limit: 3, cursor: encodeCursor('submissions', [before, id]) },
      );

    const lists = await Promise.all(['3', '7', '999'].map(list));

    expect(lists.map(({ data }) => data)).toEqual([[], [], []]);
  });
});
