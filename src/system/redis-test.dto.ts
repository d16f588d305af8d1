import { ApiProperty } from '@nestjs/swagger';
import { Instant } from '../http/answer-fields.js';

/** What was written, as it was read back. */
export class RedisTestValue {
  /**
   * When it was written
   * @example "2026-02-05T18:52:18.000Z"
   */
  @Instant()
  timestamp!: string;

  /**
   * The text that was written
   * @example "success"
   */
  test!: string;
}

/** The three operations, in order. */
export class RedisTestOperations {
  /**
   * Whether the value was written
   * @example true
   */
  set!: boolean;

  /** The value as read back */
  get!: RedisTestValue;

  /**
   * Whether the value was deleted
   * @example true
   */
  delete!: boolean;
}

/**
 * Redis wrote, read back and deleted one value, and the cache found an entry that it had kept. Anything less is answered
 * with a problem.
 */
export class RedisTestDto {
  /**
   * All three operations succeeded
   * @example "success"
   */
  @ApiProperty({ enum: ['success'] })
  status!: 'success';

  /** What was done */
  operations!: RedisTestOperations;

  /**
   * The result in words
   * @example "Redis is working correctly"
   */
  message!: string;

  /**
   * When the test ended
   * @example "2026-02-05T18:52:18.120Z"
   */
  @Instant()
  timestamp!: string;
}
