/** Bundled as bytes (scripts/build.mjs, loader `binary`). */
declare module '*.wasm' {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}
