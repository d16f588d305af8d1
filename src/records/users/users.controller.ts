import { Body, Controller, Delete, Get, HttpCode, Patch, Post, Query } from '@nestjs/common';
import { ApiNoContentResponse, ApiTags } from '@nestjs/swagger';
import { Access } from '../../access/access.decorator.js';
import { InvalidateCache } from '../../cache/index.js';
import { PageQuery } from '../../http/page.dto.js';
import { BodyExample } from '../../http/body-example.decorator.js';
import { Paged } from '../../http/paged.decorator.js';
import { Created } from '../created.decorator.js';
import { IdempotencyService } from '../idempotency/idempotency.service.js';
import { Idempotent, Posted, PostedRequest } from '../idempotency/idempotent.decorator.js';
import { UserId } from '../path-ids.js';
import { ifWritten } from '../write-effect.js';
import { ChangeUserDto, CreateUserDto, UserDto, UserPage } from './user.dto.js';
import { UsersService } from './users.service.js';

@ApiTags('users')
@Controller('users')
export class UsersController {
  constructor(
    private readonly users: UsersService,
    private readonly idempotency: IdempotencyService,
  ) {}

  /** Adds a person. */
  @Post()
  @Access({ admin: 'all' })
  @Idempotent()
  @Created(UserDto, ({ user_id }) => `/api/v3/users/${user_id}`)
  @InvalidateCache<UsersController['create']>({
    tags: (_, user) => ifWritten(user, () => ['system', `student:${user.user_id}`]),
    families: ['system', 'student'],
  })
  create(@Body() body: CreateUserDto, @Posted() request: PostedRequest): Promise<UserDto> {
    return this.idempotency.run(request, (manager) => this.users.create(manager, body));
  }

  /** Lists all people who are not deleted, by id. */
  @Get()
  @Access({ admin: 'all' })
  @Paged()
  list(@Query() page: PageQuery): Promise<UserPage> {
    return this.users.list(page);
  }

  /** Shows one person. */
  @Get(':user_id')
  @Access({ admin: 'all', teacher: 'own', student: 'own' })
  get(@UserId() userId: string): Promise<UserDto> {
    return this.users.get(userId);
  }

  /** Renames a person, or changes the role or the email address. */
  @Patch(':user_id')
  @BodyExample(ChangeUserDto, { full_name: 'Ada King' })
  @Access({ admin: 'all' })
  @InvalidateCache<UsersController['change']>({
    tags: (_, user) =>
      ifWritten(user, ({ changed, courses }) => [
        ...(changed.includes('role') ? ['system'] : []),
        `student:${user.user_id}`,
        // Views of courses show no address.
        ...(changed.some((column) => column !== 'email') ? courses.map((course) => `course:${course}`) : []),
      ]),
    families: ['system', 'student', 'course'],
  })
  change(@UserId() userId: string, @Body() body: ChangeUserDto): Promise<UserDto> {
    return this.users.change(userId, body);
  }

  /** Deletes a person: found no more, name, address and traits forgotten, while what they did stays. */
  @Delete(':user_id')
  @HttpCode(204)
  @ApiNoContentResponse({ description: 'The person is deleted' })
  @Access({ admin: 'all' })
  @InvalidateCache<UsersController['delete']>({
    tags: (_, user) =>
      ifWritten(user, ({ courses }) => [
        'system',
        `student:${user.user_id}`,
        ...courses.map((course) => `course:${course}`),
      ]),
    families: ['system', 'student', 'course'],
  })
  delete(@UserId() userId: string): Promise<UserDto> {
    return this.users.delete(userId);
  }
}
