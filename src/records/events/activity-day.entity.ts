import { Column, Entity, PrimaryColumn } from 'typeorm';

/**
 * One row for each UTC day on which a student was active in a course, kept by triggers in the writer's transaction.
 * `first_at` and `last_at` make "active since" exact to the millisecond without touching the events.
 */
@Entity('activity_days')
export class ActivityDay {
  @PrimaryColumn('bigint', { name: 'user_id' })
  userId!: string;

  @PrimaryColumn('bigint', { name: 'course_id' })
  courseId!: string;

  @PrimaryColumn('date')
  day!: string;

  @Column('integer', { default: 0 })
  events!: number;

  @Column('bigint', { default: 0 })
  quantity!: string;

  @Column('integer', { default: 0 })
  minutes!: number;

  @Column('timestamptz', { name: 'first_at' })
  firstAt!: Date;

  @Column('timestamptz', { name: 'last_at' })
  lastAt!: Date;
}
