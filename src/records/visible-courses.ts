import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import type { Principal } from '../access/principal.js';

/** SQL: the ids of the courses that the caller `:sub` teaches. */
const taught = `SELECT own.course_id FROM enrollments own JOIN users me ON me.id = own.user_id
  WHERE me.code = :sub AND own.role IN ('teacher', 'ta') AND own.status = 'active'`;

/** SQL: the ids of the courses in which `:sub` is, or was until the end. */
const attended = `SELECT own.course_id FROM enrollments own JOIN users me ON me.id = own.user_id
  WHERE me.code = :sub AND own.status <> 'dropped'`;

/** Narrows a list to the caller's courses: those a teacher teaches, those a student attends. */
export function onlyOwnCourses<T extends ObjectLiteral>(
  rows: SelectQueryBuilder<T>,
  principal: Principal,
  column: string,
): void {
  if (principal.role === 'teacher') rows.andWhere(`${column} IN (${taught})`, { sub: principal.sub });
  if (principal.role === 'student') rows.andWhere(`${column} IN (${attended})`, { sub: principal.sub });
}

/** Narrows a list of what people did: a teacher's courses, a student's own rows. */
export function onlyOwnRows<T extends ObjectLiteral>(
  rows: SelectQueryBuilder<T>,
  principal: Principal,
  columns: { course: string; userCode: string },
): void {
  if (principal.role === 'teacher') rows.andWhere(`${columns.course} IN (${taught})`, { sub: principal.sub });
  if (principal.role === 'student') rows.andWhere(`${columns.userCode} = :sub`, { sub: principal.sub });
}
