import { Param } from '@nestjs/common';
import { ApiParam } from '@nestjs/swagger';
import { idPipe, isPublicId, isRowId, publicIdPattern } from './public-id.js';

/** Parameters of paths: read, checked (404 for what cannot be an id) and documented in one place. */
const publicId = (name: string, description: string, example: string) =>
  pathId(name, isPublicId, { description, example, pattern: publicIdPattern.source });

const rowId = (name: string, description: string) =>
  pathId(name, isRowId, { description, example: '1', pattern: '^[1-9]\\d{0,18}$' });

export const UserId = publicId('user_id', 'The person', 'STU001');
export const StudentId = publicId('student_id', 'The student', 'STU001');
export const CourseId = publicId('course_id', 'The course', 'PROG-101');
export const ActivityId = publicId('activity_id', 'The activity', 'PROG-101-A01');
export const SessionId = publicId('session_id', 'The tutor session', 'SES-000001');
/** Those of the demo have ended, but for some: what speaks to an open one is shown with that which the API begins first. */
export const OpenSessionId = publicId(
  'session_id',
  'The tutor session; the one of the example begins with `POST /sessions`',
  'S-0001',
);
export const EnrollmentId = rowId('enrollment_id', 'Number of the enrollment, as text');
export const SubmissionId = rowId('submission_id', 'Number of the submission, as text');

function pathId(
  name: string,
  isId: (text: unknown) => boolean,
  { description, ...schema }: { description: string; example: string; pattern: string },
): () => ParameterDecorator {
  return () => (target, method, index) => {
    const descriptor = method && Object.getOwnPropertyDescriptor(target, method);
    if (!descriptor) throw new TypeError(`${name} is a parameter of methods only`);
    Param(name, idPipe(isId))(target, method, index);
    ApiParam({ name, description, schema: { type: 'string', ...schema } })(target, method, descriptor);
  };
}
