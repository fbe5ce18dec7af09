/** Fields that a parser has no place for: kept as ranges of the file, neighbours joined, for the writer to copy. */
import { MAX_MESSAGE_DEPTH } from '../limits.ts';
import type { FileBytes } from '../model.ts';
import type { Cursor } from './cursor.ts';
import { FIELD_BYTES, WIRE, type Step } from './keys.ts';
import { inWindow } from './drive.ts';

/** Skips the field just read by `next()` and adds it to `kept`. */
export function* keepField(c: Cursor, kept: FileBytes[] | undefined): Step<FileBytes[]> {
  const start = c.fieldStart;
  if (c.wire === WIRE.startGroup) yield* skipGroup(c);
  else c.skip();
  return keepRange(c, kept, start, c.offset);
}

/** {@link keepField} inside a message that is in the window as a whole. */
export function keepFieldInWindow(c: Cursor, kept: FileBytes[] | undefined): FileBytes[] {
  return inWindow(keepField(c, kept));
}

/** Adds `[start, end)` of the file to `kept`. */
export function keepRange(c: Cursor, kept: FileBytes[] | undefined, start: number, end: number): FileBytes[] {
  const ranges = kept ?? [];
  const last = ranges.at(-1);
  if (last !== undefined && last.offset + last.length === start) {
    ranges[ranges.length - 1] = { source: c.source, offset: last.offset, length: end - last.offset };
  } else {
    c.countObject();
    ranges.push({ source: c.source, offset: start, length: end - start });
  }
  return ranges;
}

/** Groups went out of use before ONNX began, but other protobuf readers skip them, so a file may hold one. */
function* skipGroup(c: Cursor): Step<void> {
  const open = [c.field];
  while (open.length > 0) {
    if (!c.hasField()) throw c.error('malformed', 'a group has no end');
    if (c.isShort) yield FIELD_BYTES;
    c.next(true);
    if (c.wire === WIRE.startGroup) {
      if (open.push(c.field) > MAX_MESSAGE_DEPTH) throw c.error('limit', 'groups are nested too deep');
    } else if (c.wire !== WIRE.endGroup) c.skip();
    else if (open.pop() !== c.field) throw c.error('malformed', 'a group ends inside another');
  }
}
