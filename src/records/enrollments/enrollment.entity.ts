import { Column, Entity, JoinColumn, ManyToOne, PrimaryGeneratedColumn, type Relation } from 'typeorm';
import { Course } from '../courses/course.entity.js';
import { User } from '../users/user.entity.js';

export const enrollmentRoles = ['student', 'teacher', 'ta', 'observer'] as const;
export type EnrollmentRole = (typeof enrollmentRoles)[number];

export const enrollmentStatuses = ['active', 'completed', 'failed', 'dropped'] as const;
export type EnrollmentStatus = (typeof enrollmentStatuses)[number];

export const finalResults = ['pass', 'fail', 'withdrawn', 'distinction'] as const;
export type FinalResult = (typeof finalResults)[number];

/** What a person is in a course, and how it ended. */
@Entity('enrollments')
export class Enrollment {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'ALWAYS' })
  id!: string;

  @Column('bigint', { name: 'user_id' })
  userId!: string;

  @ManyToOne(() => User)
  @JoinColumn({ name: 'user_id' })
  user!: Relation<User>;

  @Column('bigint', { name: 'course_id' })
  courseId!: string;

  @ManyToOne(() => Course)
  @JoinColumn({ name: 'course_id' })
  course!: Relation<Course>;

  @Column('text', { default: 'student' })
  role!: EnrollmentRole;

  @Column('text', { default: 'active' })
  status!: EnrollmentStatus;

  @Column('timestamptz', { name: 'enrolled_at', default: () => 'now()' })
  enrolledAt!: Date;

  @Column('timestamptz', { name: 'ended_at', nullable: true })
  endedAt!: Date | null;

  /** When somebody last said how it ended, or that it goes on; null if only imports have. */
  @Column('timestamptz', { name: 'end_told_at', nullable: true })
  endToldAt!: Date | null;

  @Column('text', { name: 'final_result', nullable: true })
  finalResult!: FinalResult | null;

  @Column('smallint', { name: 'prior_attempts', default: 0 })
  priorAttempts!: number;
}
