import { Column, Entity, JoinColumn, ManyToOne, PrimaryGeneratedColumn, type Relation } from 'typeorm';
import { numeric } from '../../database/numeric.js';
import { Activity } from '../activities/activity.entity.js';
import { User } from '../users/user.entity.js';

export const submissionStatuses = ['submitted', 'graded', 'banked', 'voided'] as const;
export type SubmissionStatus = (typeof submissionStatuses)[number];

/** One attempt of one student at one activity; `score` is 0-100 percent of the points. */
@Entity('submissions')
export class Submission {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'ALWAYS' })
  id!: string;

  @Column('bigint', { name: 'user_id' })
  userId!: string;

  @ManyToOne(() => User)
  @JoinColumn({ name: 'user_id' })
  user!: Relation<User>;

  @Column('bigint', { name: 'activity_id' })
  activityId!: string;

  @ManyToOne(() => Activity)
  @JoinColumn({ name: 'activity_id' })
  activity!: Relation<Activity>;

  @Column('integer', { name: 'attempt_no' })
  attemptNo!: number;

  @Column('timestamptz', { name: 'submitted_at' })
  submittedAt!: Date;

  @Column('timestamptz', { name: 'due_at_effective', nullable: true })
  dueAtEffective!: Date | null;

  @Column('text', { default: 'submitted' })
  status!: SubmissionStatus;

  @Column('numeric', { precision: 5, scale: 2, nullable: true, transformer: numeric })
  score!: number | null;

  @Column('timestamptz', { name: 'graded_at', nullable: true })
  gradedAt!: Date | null;

  @Column('bigint', { name: 'graded_by', nullable: true })
  gradedBy!: string | null;

  @Column('boolean', { name: 'is_final', default: true })
  isFinal!: boolean;

  @Column('uuid', { name: 'client_id', nullable: true, unique: true })
  clientId!: string | null;

  /** When somebody handed it in here; null if an import made it. */
  @Column('timestamptz', { name: 'told_at', nullable: true, default: () => 'now()' })
  toldAt!: Date | null;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt!: Date;
}
