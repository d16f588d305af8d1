import { HttpException } from '@nestjs/common';

/** Whether what was thrown says what the caller did wrong, and so is an answer and no failure. */
export function isClientError(error: unknown): boolean {
  return error instanceof HttpException && error.getStatus() < 500;
}
