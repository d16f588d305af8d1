import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { givesNoId } from './declared-ids.js';
import type { Principal } from './principal.js';

/** The caller, as the access guard has established it. */
export const CurrentPrincipal = createParamDecorator(
  givesNoId(
    (_: undefined, context: ExecutionContext): Principal =>
      context.switchToHttp().getRequest<{ principal: Principal }>().principal,
  ),
);
