import { ApiProperty } from '@nestjs/swagger';
import { OneOf } from './answer-fields.js';
import { type ProblemCode, problemCodes } from './problem.js';

/** What is wrong with one part of a request. */
export class ProblemPartDto {
  /**
   * JSON pointer (RFC 6901) into the body, empty for the body itself; of a parameter `/query/name`, `/path/name` or
   * `/header/name`, of a line of a batch `/lines/17`
   * @example "/score"
   */
  pointer!: string;

  /**
   * Rule that is broken, a stable word
   * @example "max"
   */
  code!: string;

  /**
   * The rule in words
   * @example "score must not be greater than 100"
   */
  detail!: string;
}

/** The body of every answer from 400 up (RFC 9457). */
export class ProblemDto {
  /**
   * Stable name of the kind of problem, a URI reference: a name only, with nothing to be read at it
   * @example "/problems/validation_failed"
   */
  type!: string;

  /**
   * The kind of problem in words, always the same for a type
   * @example "The request does not fit its schema"
   */
  title!: string;

  /**
   * HTTP status
   * @example 400
   */
  @ApiProperty({ type: 'integer', minimum: 400, maximum: 599 })
  status!: number;

  /**
   * What went wrong this time, in words
   * @example "Some values do not fit; `errors` names them."
   */
  detail!: string;

  /**
   * Path of the request
   * @example "/api/v3/submissions"
   */
  instance!: string;

  /**
   * Stable code to decide on
   * @example "validation_failed"
   */
  @OneOf('ProblemCode', problemCodes)
  code!: ProblemCode;

  /**
   * Names this request in the log; also in the header `X-Request-Id`
   * @example "0b6f3c1e-6c5d-4a53-9a4e-4f3c62e1d7b0"
   */
  request_id!: string;

  /** What is wrong part by part, at most 50; only for `validation_failed` and its like */
  errors?: ProblemPartDto[];
}
