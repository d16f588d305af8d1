import type { ImportSummary } from './import-oulad.js';
import { gradingDays } from './submission-file.js';

/** The summary as a table for people, with what they should know about the data. */
export function summaryText({ files, missing }: ImportSummary, rejectsFile: string): string {
  const rows = files.map(({ name, imported, unchanged, later, rejected, publishedRows, wasDone }) => {
    const all = imported + unchanged + later + rejected;
    return [
      name,
      all,
      imported,
      unchanged,
      later,
      rejected,
      publishedRows,
      wasDone ? 'was imported before' : '',
    ];
  });
  const head = ['file', 'records', 'imported', 'unchanged', 'later', 'rejected', 'published', ''];
  const lines = [head, ...rows].map((cells) =>
    cells
      .map((cell, index) => (index === 0 ? String(cell).padEnd(24) : String(cell).padStart(10)))
      .join(' ')
      .trimEnd(),
  );

  const courses = files.find(({ name }) => name === 'courses.csv');
  const isFull = files.some((file) => file === courses && sizeOf(file) === file.publishedRows);
  const differing = files.filter((file) => sizeOf(file) !== file.publishedRows);
  if (!isFull) {
    lines.push(
      `A subset: ${courses ? sizeOf(courses) : 0} of ${courses?.publishedRows ?? 22} presentations.`,
    );
  } else if (differing.length === 0) lines.push('All records of the published data set are there.');
  else lines.push(`Other counts than published: ${differing.map(({ name }) => name).join(', ')}.`);
  for (const { name, lost } of missing) lines.push(`${name} is not there: ${lost}.`);
  const rejecting = files.filter(({ rejected }) => rejected > 0);
  if (rejecting.some(({ wasDone }) => !wasDone)) lines.push(`Rejected records are in ${rejectsFile}.`);
  if (rejecting.some(({ wasDone }) => wasDone)) {
    lines.push('Rejected records of files that were imported before are where that import wrote them.');
  }
  lines.push(
    `When a grade was given is not in the data: ${gradingDays} days after the submission is assumed, or now if that is sooner.`,
  );
  return lines.join('\n');
}

function sizeOf({ imported, unchanged, later, rejected }: ImportSummary['files'][number]): number {
  return imported + unchanged + later + rejected;
}
