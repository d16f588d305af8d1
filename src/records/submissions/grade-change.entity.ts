import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import { numeric } from '../../database/numeric.js';

/** Who changed which score, from what to what: never edited, never deleted. */
@Entity('grade_changes')
export class GradeChange {
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'ALWAYS' })
  id!: string;

  @Column('bigint', { name: 'submission_id' })
  submissionId!: string;

  @Column('bigint', { name: 'actor_id', nullable: true })
  actorId!: string | null;

  @Column('numeric', { name: 'old_score', precision: 5, scale: 2, nullable: true, transformer: numeric })
  oldScore!: number | null;

  @Column('numeric', { name: 'new_score', precision: 5, scale: 2, nullable: true, transformer: numeric })
  newScore!: number | null;

  @Column('text', { nullable: true })
  reason!: string | null;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt!: Date;
}
