/** URIs of the models' text, whose ending gives them the language `onnx-text`: `vram-lens:/folder/model.onnx.text?{"source":"file:///folder/model.onnx","side":"current"}` */
import { Uri } from 'vscode';

export const textScheme = 'vram-lens';

/** The changed model, or the file as it is. */
export type Side = 'current' | 'original';

export interface TextTarget {
  readonly source: Uri;
  readonly side: Side;
}

export function textUri({ source, side }: TextTarget): Uri {
  return Uri.from({
    scheme: textScheme,
    path: `${source.path}.text`,
    query: JSON.stringify({ source: source.toString(), side }),
  });
}

/** Undefined where it is no such URI. */
export function parseTextUri(uri: Uri): TextTarget | undefined {
  if (uri.scheme !== textScheme) return undefined;
  try {
    const query: unknown = JSON.parse(uri.query);
    if (typeof query !== 'object' || query === null || !('source' in query) || !('side' in query))
      return undefined;
    const { source, side } = query;
    if (typeof source !== 'string' || (side !== 'current' && side !== 'original')) return undefined;
    return { source: Uri.parse(source, true), side };
  } catch {
    return undefined;
  }
}
