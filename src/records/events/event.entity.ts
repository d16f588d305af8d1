import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** Something a student did, named by the client's own UUID. */
@Entity('events')
export class LearningEvent {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'ALWAYS' })
  id!: string;

  @Column('bigint', { name: 'user_id' })
  userId!: string;

  @Column('bigint', { name: 'course_id' })
  courseId!: string;

  @Column('bigint', { name: 'activity_id', nullable: true })
  activityId!: string | null;

  @Column('bigint', { name: 'session_id', nullable: true })
  sessionId!: string | null;

  /** Any verb is stored; some count as activity (`activityVerbs`). */
  @Column('text')
  verb!: string;

  @Column('timestamptz', { name: 'occurred_at' })
  occurredAt!: Date;

  @Column('timestamptz', { name: 'received_at', default: () => 'now()' })
  receivedAt!: Date;

  @Column('integer', { default: 1 })
  quantity!: number;

  @Column('uuid', { name: 'client_id', unique: true })
  clientId!: string;

  @Column('text', { default: 'api' })
  source!: string;

  @Column('jsonb', { nullable: true })
  data!: Record<string, unknown> | null;
}
