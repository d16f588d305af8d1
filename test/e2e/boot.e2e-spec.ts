import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { startTestApp, type TestApp } from '../support/test-app.js';

describe('boot', () => {
  let database: TestDatabase;
  let service: TestApp;

  beforeAll(async () => {
    database = await createTestDatabase();
    service = await startTestApp({ env: { DATABASE_URL: database.url } });
  });

  afterAll(async () => {
    await service.close();
    await database.drop();
  });

  it('answers the liveness probe', async () => {
    const answer = await service.request.get('/health/live');

    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ status: 'ok' });
  });

  it('answers an unknown path with a problem', async () => {
    const answer = await service.request.get('/nowhere').set('x-request-id', 'abc');

    expect(answer.status).toBe(404);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.body).toMatchObject({ code: 'not_found', request_id: 'abc', instance: '/nowhere' });
  });
});
