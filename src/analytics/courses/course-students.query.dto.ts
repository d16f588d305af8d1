import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, MaxLength } from 'class-validator';
import { PageQuery } from '../../http/page.dto.js';
import { type StudentOrder, studentOrders } from './course-students.js';

/** A name of 200 characters of which JSON makes six each, the ids of a student and a course, and which list it is, in base64. */
const LONGEST_CURSOR = 1900;

/** Which students of the course, and in which order. */
export class CourseStudentsQuery extends PageQuery {
  /**
   * `risk`: the highest first; `name`: by full name as it is written, in the alphabet of Unicode, where capitals and accents
   * decide only between names that are alike but for them; `last_activity`: the longest absence first. What is not known comes
   * last
   * @example "risk"
   */
  @ApiPropertyOptional({ enum: studentOrders })
  @IsOptional()
  @IsIn(studentOrders)
  sort: StudentOrder = 'risk';

  /** `next_cursor` of the page before, of the same list in the same order, as it is; leave out for the first page */
  @IsOptional()
  @IsString()
  @MaxLength(LONGEST_CURSOR)
  override cursor?: string;
}
