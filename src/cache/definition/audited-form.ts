import { wholeForm, type AuditedForm } from '../engine/entry-policy.js';
import { encodeValue } from '../engine/value-codec.js';

/**
 * What an audit compares of answers, by the option `audit`.
 *
 * @param read  makes the result from the body
 * @returns `undefined` where hits are not audited
 */
export function auditedForm(
  audit: boolean | ((result: unknown) => unknown),
  read: (body: string) => unknown,
): AuditedForm | undefined {
  if (typeof audit === 'function') return ({ body }) => encodeValue(audit(read(body.toString())));
  return audit ? wholeForm : undefined;
}
