import { Injectable } from '@nestjs/common';
import { DataSource, IsNull, type EntityManager } from 'typeorm';
import { databaseNow } from '../../database/database-clock.js';
import type { PageQuery } from '../../http/page.dto.js';
import { byCode, keysetPage } from '../keyset-page.js';
import { IdempotencyService } from '../idempotency/idempotency.service.js';
import { noSuch } from '../no-such.js';
import { inTransaction } from '../transaction.js';
import { change, wrote } from '../write-effect.js';
import { UserDto, type ChangeUserDto, type CreateUserDto, type UserPage } from './user.dto.js';
import { User } from './user.entity.js';

/** People: added, changed, and deleted while what they did stays. */
@Injectable()
export class UsersService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly idempotency: IdempotencyService,
  ) {}

  async create(manager: EntityManager, dto: CreateUserDto): Promise<UserDto> {
    const user = manager.create(User, {
      code: dto.user_id,
      email: dto.email ?? null,
      fullName: dto.full_name ?? null,
      role: dto.role,
    });
    return wrote(UserDto.of(await manager.save(user)));
  }

  async list(page: PageQuery): Promise<UserPage> {
    const users = this.dataSource.manager.createQueryBuilder(User, 'user').where('user.deletedAt IS NULL');
    const { rows, next_cursor } = await keysetPage(users, page, byCode('users', 'user'));
    return { data: rows.map((row) => UserDto.of(row)), next_cursor };
  }

  async get(code: string): Promise<UserDto> {
    const user = await this.dataSource.manager.findOneBy(User, { code, deletedAt: IsNull() });
    return UserDto.of(user ?? noSuch('user'));
  }

  change(code: string, dto: ChangeUserDto): Promise<UserDto> {
    return this.#update(code, () => ({ email: dto.email, fullName: dto.full_name, role: dto.role }));
  }

  /** The row stays, for what points at it, without name, address and traits; the person is found no more. */
  delete(code: string): Promise<UserDto> {
    return this.#update(code, (now) => ({ email: null, fullName: null, isActive: false, deletedAt: now }));
  }

  #update(
    code: string,
    valuesAt: (now: Date) => { [K in keyof User]?: User[K] | undefined },
  ): Promise<UserDto> {
    return inTransaction(this.dataSource, async (manager) => {
      const user = await manager.findOne(User, {
        where: { code, deletedAt: IsNull() },
        lock: { mode: 'for_no_key_update' },
      });
      if (!user) return noSuch('user');
      const now = await databaseNow(manager);
      const values = valuesAt(now);
      const changed = change(user, values);
      if (changed.length === 0) return UserDto.of(user);
      user.updatedAt = now;
      await manager.save(user);
      if (values.email === null || values.fullName === null) {
        await this.idempotency.forgetPerson(manager, code);
      }
      return wrote(UserDto.of(user), { changed, courses: await studiedCourses(manager, user) });
    });
  }
}

async function studiedCourses(manager: EntityManager, user: User): Promise<string[]> {
  const rows = await manager.query<{ code: string }[]>(
    `SELECT c.code FROM enrollments e JOIN courses c ON c.id = e.course_id
     WHERE e.user_id = $1 AND e.role = 'student' ORDER BY c.code`,
    [user.id],
  );
  return rows.map(({ code }) => code);
}
