/** Adds the schemas as they are to schemas/published.json, for a release. Refuses what would break a reader. */
import { incompatibilities, publish, readPublished, writePublished } from '../schemas/compatibility.ts';
import { wholeSchema } from '../schemas/index.ts';
import { topics } from '../topics/index.ts';

const current = Object.values(topics).flatMap((topic) => topic.events.map(wholeSchema));
const published = readPublished();
const broken = incompatibilities(current, published);
if (broken.length > 0) {
  console.error(broken.join('\n'));
  process.exitCode = 1;
} else writePublished(publish(current, published));
