// Bundles every world into dist/. `node scripts/build.mjs [--watch] [--tests] [--minify]`
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import esbuild from 'esbuild';
import { entries, testEntries } from './bundles.mjs';

const root = path.resolve(import.meta.dirname, '..');
const flags = new Set(process.argv.slice(2));
const minify = flags.has('--minify');
const wanted = flags.has('--tests') ? [...entries, ...testEntries] : entries;

await mkdir(path.join(root, 'dist'), { recursive: true });
const contexts = await Promise.all(
  wanted.map(([entry, outfile, options]) =>
    esbuild.context({ ...options, minify, entryPoints: [entry], outfile }),
  ),
);
if (flags.has('--watch')) {
  await Promise.all(contexts.map((c) => c.watch()));
  console.log('watching …');
} else {
  await Promise.all(contexts.map((c) => c.rebuild()));
  await Promise.all(contexts.map((c) => c.dispose()));
}
