import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { Principal } from '../../access/principal.js';
import { databaseNow } from '../../database/database-clock.js';
import { Problem } from '../../http/problem.js';
import { inTransaction } from '../transaction.js';
import { User } from '../users/user.entity.js';
import { wrote } from '../write-effect.js';
import { mustBeTold, mustMatch } from './entity-tag.js';
import { GradeChange } from './grade-change.entity.js';
import { SubmissionDto, type GradeDto } from './submission.dto.js';
import { lockedSubmission, mustBeOfAnother } from './submissions.service.js';

/** Grades, and the record of who changed them. */
@Injectable()
export class GradesService {
  constructor(private readonly dataSource: DataSource) {}

  /** @param ifMatch  header of the request: the state that the caller has seen */
  grade(
    id: string,
    principal: Principal,
    ifMatch: string | undefined,
    dto: GradeDto,
  ): Promise<SubmissionDto> {
    return inTransaction(this.dataSource, async (manager) => {
      const submission = await lockedSubmission(manager, id);
      mustBeOfAnother(submission, principal);
      mustBeTold(ifMatch);
      mustMatch(ifMatch, SubmissionDto.of(submission));
      if (submission.status === 'voided') throw new Problem('conflict', 'A void submission is not graded.');
      // An import may assume that the grade is to come: whoever gives it now, with whatever score, says that it is there.
      const now = await databaseNow(manager);
      const isToCome = submission.gradedAt !== null && submission.gradedAt > now;
      if (submission.score === dto.score && !isToCome) return SubmissionDto.of(submission);

      const actorId = await this.#idOf(manager, principal);
      await manager.insert(GradeChange, {
        submissionId: submission.id,
        actorId,
        oldScore: submission.score,
        newScore: dto.score,
        reason: dto.reason ?? null,
      });
      submission.score = dto.score;
      // A correction says what the grade should have been from the first.
      if (submission.gradedAt === null || isToCome) submission.gradedAt = now;
      submission.gradedBy = actorId;
      if (submission.status === 'submitted') submission.status = 'graded';
      await manager.save(submission);
      return wrote(SubmissionDto.of(submission), { changed: ['score'] });
    });
  }

  /** A service, or a caller in open development mode, is no user. */
  async #idOf(manager: EntityManager, { sub }: Principal): Promise<string | null> {
    return (await manager.findOneBy(User, { code: sub }))?.id ?? null;
  }
}
