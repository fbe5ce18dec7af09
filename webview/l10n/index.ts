/** The words of the page in the language of VS Code. */
import type { Locale } from '../../src/protocol.ts';
import { en, type TextKey } from './en.ts';
import { zhCn } from './zh-cn.ts';

export type { TextKey } from './en.ts';

const tables: Readonly<Record<Locale, Readonly<Record<TextKey, string>>>> = { en, 'zh-cn': zhCn };
let locale: Locale = 'en';

/** Once, before anything is drawn. */
export function setLocale(wanted: Locale): void {
  locale = wanted;
}

/** For dates, which the browser writes in the words of a language. */
export function language(): Locale {
  return locale;
}

/**
 * The text of a key. `{name}` is replaced by that value; `{n?layer:layers}` by the first word where n is 1, else by
 * the second.
 */
export function t(key: TextKey, values: Readonly<Record<string, string | number>> = {}): string {
  return fill(tables[locale][key], values);
}

export function fill(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(
    /\{(\w+)(?:\?([^:}]*):([^}]*))?\}/g,
    (whole, name: string, one?: string, many?: string) => {
      const value = values[name];
      if (value === undefined) return whole;
      if (one === undefined || many === undefined)
        return typeof value === 'number' ? wholeNumber(value) : value;
      return value === 1 ? one : many;
    },
  );
}

/** Made once: `toLocaleString` makes one at every call, which a scrolling table feels. */
const grouped = new Intl.NumberFormat('en-US');

/** 10000 → '10,000'; both languages group alike. */
export function wholeNumber(value: number): string {
  return grouped.format(value);
}
