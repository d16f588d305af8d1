import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

export const messageSenders = ['student', 'tutor'] as const;
export type MessageSender = (typeof messageSenders)[number];

export const messageKinds = ['question', 'hint', 'code_request', 'answer', 'other'] as const;
export type MessageKind = (typeof messageKinds)[number];

/** A message in a tutor session. Measures need only kind and length; the content is optional. */
@Entity('tutor_messages')
export class TutorMessage {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'ALWAYS' })
  id!: string;

  @Column('bigint', { name: 'session_id' })
  sessionId!: string;

  @Column('text')
  sender!: MessageSender;

  @Column('timestamptz', { name: 'sent_at' })
  sentAt!: Date;

  @Column('text')
  kind!: MessageKind;

  @Column('integer', { default: 0 })
  length!: number;

  @Column('text', { nullable: true })
  content!: string | null;

  @Column('uuid', { name: 'client_id', nullable: true, unique: true })
  clientId!: string | null;
}
