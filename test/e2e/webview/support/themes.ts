/**
 * Body class and variables of VS Code's own themes, as a webview of VS Code 1.139.1 had them (`themes.json`): those
 * that the page uses. What a theme leaves out is left out here, too: high contrast has no selection background.
 */
import { readFileSync } from 'node:fs';

export const themeNames = ['dark', 'light', 'dark-2026', 'light-2026', 'hc-dark', 'hc-light'] as const;
export type ThemeName = (typeof themeNames)[number];

export interface Theme {
  /** As VS Code calls it. */
  readonly id: string;
  readonly bodyClass: string;
  /** By name without `--vscode-`. */
  readonly variables: Readonly<Record<string, string>>;
}

export const themes = JSON.parse(readFileSync(new URL('themes.json', import.meta.url), 'utf8')) as Readonly<
  Record<ThemeName, Theme>
>;
