import { Logger } from '@nestjs/common';
import type { Environment } from '../config/environment.js';
import { patientDataSource } from '../database/data-source.js';
import { loadPreset } from '../datasets/load-preset.js';

/** Loads DEMO_DATA into the embedded database when it starts for the first time, so that there is something to look at. */
export async function firstStart(url: string, { DEMO_DATA }: Environment): Promise<void> {
  if (DEMO_DATA === 'none') return;
  const dataSource = await patientDataSource(url).initialize();
  try {
    const { isLoaded, rows } = await loadPreset(dataSource, {
      preset: DEMO_DATA,
      asOf: new Date(),
      whenNotEmpty: 'skip',
    });
    if (!isLoaded) return;
    const total = Object.values(rows).reduce((sum, count) => sum + count, 0);
    new Logger('Database').log(`💾 Loaded the data set "${DEMO_DATA}": ${total.toLocaleString('en')} rows`);
  } finally {
    await dataSource.destroy();
  }
}
