import { HttpException, NotFoundException } from '@nestjs/common';
import { keptException, revivedException } from './kept-exception.js';

const cause = { config: { headers: { authorization: 'Bearer of somebody' } } };

describe('a 404 that is kept', () => {
  it.each([new NotFoundException('gone'), new HttpException({ gone: true }, 404)])(
    'comes back as what it was: %s',
    (error) => {
      const revived = revivedException(keptException(error)!);

      expect(revived.constructor).toBe(error.constructor);
      expect([revived.getStatus(), revived.getResponse(), revived.message]).toEqual([
        404,
        error.getResponse(),
        error.message,
      ]);
    },
  );

  it('says nothing of what led to it', () => {
    expect(keptException(new NotFoundException('gone', { cause }))?.body.toString()).not.toContain('Bearer');
  });

  it('is of no class of its own, and no other status', () => {
    class Gone extends NotFoundException {}

    expect([keptException(new Gone()), keptException(new HttpException('', 410))]).toEqual([
      undefined,
      undefined,
    ]);
  });
});
