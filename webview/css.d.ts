/** Styles are imported for the bundler, which puts them into main.css. */
declare module '*.css';

/** The bundled code of a web worker (see scripts/bundles.mjs). */
declare module '*.worker.ts?text' {
  const code: string;
  export default code;
}
