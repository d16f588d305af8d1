import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

export const userRoles = ['student', 'teacher', 'admin'] as const;
export type UserRole = (typeof userRoles)[number];

/** A person. `code` is the public id (`STU001`); `id` never leaves the database. */
@Entity('users')
export class User {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'ALWAYS' })
  id!: string;

  @Column('text', { unique: true })
  code!: string;

  @Column('text', { nullable: true })
  email!: string | null;

  @Column('text', { name: 'full_name', nullable: true })
  fullName!: string | null;

  @Column('text')
  role!: UserRole;

  @Column('boolean', { name: 'is_active', default: true })
  isActive!: boolean;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'updated_at', default: () => 'now()' })
  updatedAt!: Date;

  @Column('timestamptz', { name: 'deleted_at', nullable: true })
  deletedAt!: Date | null;
}
