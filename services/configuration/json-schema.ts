import { z } from 'zod';
import { meshFile } from './mesh-file.ts';

/** mesh.schema.json: what editors check and complete mesh.yaml by. Laid out as Biome would. */
export const meshJsonSchema = (): string => {
  const { $schema, ...schema } = z.toJSONSchema(meshFile, { io: 'input', target: 'draft-7' });
  const titled = { $schema, title: 'mesh.yaml', ...schema };
  const text = JSON.stringify(titled, null, 2);
  const lists = text.replaceAll(
    /\[\s+([^[\]{}]*?)\s+\]/g,
    (_, items: string) => `[${items.replaceAll(/,\s+/g, ', ')}]`,
  );
  return `${lists}\n`;
};
