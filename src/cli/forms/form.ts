/** One form of `vram-lens quantize --form`: its options, and the edit that they ask for. */
import type { Command } from 'commander';
import type { Edit, LayerSelector } from '../../transforms/index.ts';
import { UsageError } from '../failure.ts';

export interface Form {
  /** Adds the form's options. */
  readonly addOptions: (command: Command) => Command;
  /** Attribute names of those options, as commander has them: `--block-size` is blockSize. */
  readonly options: readonly string[];
  readonly edit: (flags: FormFlags, layers: LayerSelector) => Edit;
}

/** Whatever options were given; each form knows its own. */
export type FormFlags = Readonly<Record<string, unknown>>;

/** Reads one of a few values, as they are written. */
export function oneOf<T extends string | number>(option: string, values: readonly T[]): (text: string) => T {
  return (text) => {
    const found = values.find((v) => String(v) === text);
    if (found === undefined) {
      throw new UsageError(`${option}: expected one of ${values.join(', ')}, got "${text}"`);
    }
    return found;
  };
}

/** `--block-size` of blockSize. */
export function optionName(attribute: string): string {
  return `--${attribute.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
