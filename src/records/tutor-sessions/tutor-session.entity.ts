import { Column, Entity, JoinColumn, ManyToOne, PrimaryGeneratedColumn, type Relation } from 'typeorm';
import { Activity } from '../activities/activity.entity.js';
import { Course } from '../courses/course.entity.js';
import { User } from '../users/user.entity.js';

/** A conversation with the AI tutor. The counts and `last_event_at` are kept by the database as messages arrive. */
@Entity('tutor_sessions')
export class TutorSession {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'ALWAYS' })
  id!: string;

  @Column('text', { unique: true })
  code!: string;

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

  @Column('bigint', { name: 'activity_id', nullable: true })
  activityId!: string | null;

  @ManyToOne(() => Activity)
  @JoinColumn({ name: 'activity_id' })
  activity!: Relation<Activity> | null;

  @Column('text', { default: 'tutor' })
  mode!: string;

  @Column('timestamptz', { name: 'started_at' })
  startedAt!: Date;

  @Column('timestamptz', { name: 'last_event_at' })
  lastEventAt!: Date;

  @Column('timestamptz', { name: 'ended_at', nullable: true })
  endedAt!: Date | null;

  @Column('integer', { name: 'message_count', default: 0 })
  messageCount!: number;

  @Column('integer', { name: 'hint_count', default: 0 })
  hintCount!: number;

  @Column('uuid', { name: 'client_id', nullable: true, unique: true })
  clientId!: string | null;
}
