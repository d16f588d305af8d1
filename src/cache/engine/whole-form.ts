import type { AuditedForm } from './entry-policy.js';

/** All of an answer: bytes and what belongs to them. */
export const wholeForm: AuditedForm = ({ body, head = {} }) => JSON.stringify(head) + body.toString('latin1');
