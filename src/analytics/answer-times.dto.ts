import { ApiProperty } from '@nestjs/swagger';
import { Instant } from '../http/answer-fields.js';
import { modelVersion } from './risk/risk-model.js';

/** What every answer of the analytics says of itself. */
export class AnswerTimes {
  /**
   * Next moment after `as_of` at which the answer changes by itself: a due date, the start or the end of a
   * course (UTC); null if there is none
   * @example "2026-02-08T23:59:59.000Z"
   */
  @Instant()
  next_deadline_at!: string | null;

  /**
   * The moment the answer is for (UTC)
   * @example "2026-02-05T18:52:18.000Z"
   */
  @Instant()
  as_of!: string;

  /**
   * When it was computed (UTC); unchanged when served from the cache
   * @example "2026-02-05T18:52:18.040Z"
   */
  @Instant()
  generated_at!: string;

  /** Version of the risk model */
  // Its value is part of the schema, and so of the shape: what an earlier model has rated is not read as an answer of this one.
  @ApiProperty({ enum: [modelVersion], example: modelVersion })
  model_version!: string;
}
