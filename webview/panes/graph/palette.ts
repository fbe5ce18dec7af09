/** The theme's colours as the graph uses them. */
import { resolveColour, tint } from '../../lib/colour.ts';
import type { GraphMetric } from '../../state/view-state.ts';

export interface Palette {
  readonly surface: string;
  readonly text: string;
  readonly muted: string;
  readonly edge: string;
  readonly border: string;
  /** Ground of open groups, by depth from 1. */
  readonly grounds: readonly string[];
  readonly focus: string;
  readonly changed: string;
  readonly followed: string;
  readonly found: string;
  /** From nothing to the most. */
  readonly heat: readonly string[];
}

export const metricColours: Readonly<Record<GraphMetric, string>> = {
  weights: '--weights',
  activations: '--activations',
  alive: '--orange',
};

const heatSteps = 12;
/** Above this, text would be hard to read on it. */
const mostHeat = 0.46;

export function paletteOf(metric: GraphMetric): Palette {
  const mixed = (share: number): string =>
    `color-mix(in srgb, var(--vscode-foreground) ${share}%, var(--surface))`;
  const mix = (share: number): string => resolveColour(mixed(share));
  return {
    surface: resolveColour('var(--surface)'),
    text: resolveColour('light-dark(black, white)'),
    muted: resolveColour('color-mix(in srgb, light-dark(black, white) 72%, var(--surface))'),
    // high contrast draws its lines in a colour of its own
    edge: resolveColour(`var(--vscode-contrastBorder, ${mixed(38)})`),
    border: resolveColour(`var(--vscode-contrastBorder, ${mixed(30)})`),
    grounds: [4, 7, 10, 13].map(mix),
    focus: resolveColour('var(--vscode-focusBorder)'),
    changed: resolveColour('var(--good)'),
    followed: resolveColour('var(--orange)'),
    found: resolveColour('var(--vscode-editorWarning-foreground, var(--vscode-charts-yellow))'),
    heat: Array.from({ length: heatSteps + 1 }, (_, i) =>
      tint(metricColours[metric], (mostHeat * i) / heatSteps),
    ),
  };
}

/** Areas of colour are judged by their root: half the bytes look like half as much. */
export function heatOf({ heat }: Palette, value: number, largest: number): string {
  const share = largest === 0 ? 0 : Math.sqrt(Math.min(1, value / largest));
  return heat[Math.round(share * (heat.length - 1))] ?? '';
}
