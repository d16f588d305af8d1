import { IsEmail, IsOptional, MaxLength } from 'class-validator';
import { Instant, OneOf } from '../../http/answer-fields.js';
import { IfGiven, IsOneOf, IsPlainText, IsPublicId } from '../field-rules.js';
import { userRoles, type User, type UserRole } from './user.entity.js';

/** A person. */
export class UserDto {
  /**
   * Public id
   * @example "STU001"
   */
  user_id!: string;

  /**
   * Email address; null if unknown
   * @example "ada@example.org"
   */
  email!: string | null;

  /**
   * Full name; null if unknown
   * @example "Ada Lovelace"
   */
  full_name!: string | null;

  /**
   * What the person may do
   * @example "student"
   */
  @OneOf('UserRole', userRoles)
  role!: UserRole;

  /**
   * False for a person whose tokens are refused. No request sets it: only the database does
   * @example true
   */
  is_active!: boolean;

  /**
   * When the person was added (UTC)
   * @example "2026-01-12T08:00:00.000Z"
   */
  @Instant()
  created_at!: string;

  /**
   * When the person last changed (UTC)
   * @example "2026-01-12T08:00:00.000Z"
   */
  @Instant()
  updated_at!: string;

  static of(user: User): UserDto {
    return Object.assign(new UserDto(), {
      user_id: user.code,
      email: user.email,
      full_name: user.fullName,
      role: user.role,
      is_active: user.isActive,
      created_at: user.createdAt.toISOString(),
      updated_at: user.updatedAt.toISOString(),
    });
  }
}

/** A page of people, by id. */
export class UserPage {
  /** The people of this page */
  data!: UserDto[];

  /**
   * Cursor of the next page; null on the last
   * @example "WyJ1c2VycyIsIlNUVTA1MCJd"
   */
  next_cursor!: string | null;
}

/** A person to add. */
export class CreateUserDto {
  /**
   * Public id, for ever this person's: a letter or digit, then up to 63 letters, digits or `. _ : @ -`
   * @example "STU901"
   */
  @IsPublicId()
  user_id!: string;

  /**
   * Email address, unique whatever the case
   * @example "grace@example.org"
   */
  @IsOptional()
  @IsEmail()
  @MaxLength(254)
  email?: string | null;

  /**
   * Full name
   * @example "Grace Hopper"
   */
  @IsOptional()
  @IsPlainText(200)
  full_name?: string | null;

  /**
   * What the person may do
   * @example "student"
   */
  @IsOneOf('UserRole', userRoles)
  role!: UserRole;
}

/** What to change of a person; what is left out stays. */
export class ChangeUserDto {
  /**
   * New email address; null forgets it
   * @example "ada@example.org"
   */
  @IsOptional()
  @IsEmail()
  @MaxLength(254)
  email?: string | null;

  /**
   * New full name; null forgets it
   * @example "Ada King"
   */
  @IsOptional()
  @IsPlainText(200)
  full_name?: string | null;

  /**
   * New role
   * @example "teacher"
   */
  @IfGiven()
  @IsOneOf('UserRole', userRoles)
  role?: UserRole;
}
