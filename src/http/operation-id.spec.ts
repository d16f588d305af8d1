import { operationId } from './operation-id.js';

it.each([
  ['UsersController', 'list', 'usersList'],
  ['TutorSessionsController', 'addMessage', 'tutorSessionsAddMessage'],
  ['CourseAnalyticsController', 'courseStudents', 'courseAnalyticsCourseStudents'],
  ['CourseAnalyticsController', 'courseAnalytics', 'courseAnalytics'],
  ['CourseAnalyticsController', 'courseAnalyticsAt', 'courseAnalyticsAt'],
])('names the route of %s.%s %s', (controller, handler, id) => {
  expect(operationId(controller, handler)).toBe(id);
});
