import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Cached } from '../../cache/index.js';
import { peerMediansSql } from '../facts/peer-activity.sql.js';

/** How many days the students of a course were active: what `low_engagement` compares with. */
@Injectable()
export class PeerActivityService {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Median of the active days in the 14 days up to each moment; `null` where the course had no students.
   *
   * Meant for the ends of past weeks, where it changes only when something arrives late. All students of the course
   * share it for 45 s, which is as long as an answer about one of them may be behind his peers anyway.
   *
   * @param courseId  number of the course's row
   * @param moments   ISO 8601
   */
  @Cached<PeerActivityService['medians']>({ ttl: 45, prefix: 'peer_activity' })
  async medians(courseId: number, moments: readonly string[]): Promise<(number | null)[]> {
    const rows: { median: number | null }[] = await this.dataSource.query(
      `SELECT peers.median
       FROM unnest($2::timestamptz[]) WITH ORDINALITY AS moments(as_of, place)
       LEFT JOIN LATERAL (${peerMediansSql('moments.as_of')}) peers ON true
       ORDER BY place`,
      [[courseId], moments],
    );
    return rows.map(({ median }) => median);
  }
}
