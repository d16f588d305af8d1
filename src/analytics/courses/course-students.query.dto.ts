import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import { PageQuery } from '../../http/page.dto.js';
import { type StudentOrder, studentOrders } from './course-students.js';

/** Which students of the course, and in which order. */
export class CourseStudentsQuery extends PageQuery {
  /**
   * `risk`: the highest first; `name`: by full name; `last_activity`: the longest absence first. What is not known
   * comes last
   * @example "risk"
   */
  @ApiPropertyOptional({ enum: studentOrders })
  @IsOptional()
  @IsIn(studentOrders)
  sort: StudentOrder = 'risk';
}
