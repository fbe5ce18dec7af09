/** Bundled as bytes (scripts/bundles.mjs, loader `binary`). */
declare module '*.wasm' {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}
