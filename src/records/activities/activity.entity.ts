import { Column, Entity, JoinColumn, ManyToOne, PrimaryGeneratedColumn, type Relation } from 'typeorm';
import { numeric } from '../../database/numeric.js';
import { Course } from '../courses/course.entity.js';

export const activityKinds = ['exercise', 'assignment', 'quiz', 'exam'] as const;
export type ActivityKind = (typeof activityKinds)[number];

export const activityStatuses = ['draft', 'published', 'archived'] as const;
export type ActivityStatus = (typeof activityStatuses)[number];

/** A piece of work in a course: `points` to reach, `weight` in the course's mean. */
@Entity('activities')
export class Activity {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'ALWAYS' })
  id!: string;

  @Column('text', { unique: true })
  code!: string;

  @Column('bigint', { name: 'course_id' })
  courseId!: string;

  @ManyToOne(() => Course)
  @JoinColumn({ name: 'course_id' })
  course!: Relation<Course>;

  @Column('text')
  title!: string;

  @Column('text')
  kind!: ActivityKind;

  @Column('text', { default: 'draft' })
  status!: ActivityStatus;

  @Column('numeric', { precision: 8, scale: 2, default: 100, transformer: numeric })
  points!: number;

  @Column('numeric', { precision: 8, scale: 3, default: 1, transformer: numeric })
  weight!: number;

  @Column('timestamptz', { name: 'opens_at', nullable: true })
  opensAt!: Date | null;

  @Column('timestamptz', { name: 'due_at', nullable: true })
  dueAt!: Date | null;

  /** When somebody last said here when it is open and due, or how much it weighs; null if only imports have. */
  @Column('timestamptz', { name: 'terms_told_at', nullable: true, default: () => 'now()' })
  termsToldAt!: Date | null;

  @Column('boolean', { name: 'is_required', default: true })
  isRequired!: boolean;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt!: Date;
}
