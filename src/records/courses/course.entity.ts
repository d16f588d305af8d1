import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { numeric } from '../../database/numeric.js';

/** A course with its dates (UTC) and its pass mark (0-100). */
@Entity('courses')
export class Course {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'ALWAYS' })
  id!: string;

  @Column('text', { unique: true })
  code!: string;

  @Column('text')
  name!: string;

  @Column('timestamptz', { name: 'starts_at' })
  startsAt!: Date;

  @Column('timestamptz', { name: 'ends_at' })
  endsAt!: Date;

  /** When somebody last said here when it ends; null if only imports have. */
  @Column('timestamptz', { name: 'end_told_at', nullable: true, default: () => 'now()' })
  endToldAt!: Date | null;

  @Column('numeric', { name: 'pass_mark', precision: 5, scale: 2, default: 60, transformer: numeric })
  passMark!: number;

  /** The first event that counts as activity, or tutor session, ever; a trigger keeps it. */
  @Column('timestamptz', { name: 'first_trace_at', nullable: true })
  firstTraceAt!: Date | null;

  @Column('boolean', { name: 'is_active', default: true })
  isActive!: boolean;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt!: Date;
}
