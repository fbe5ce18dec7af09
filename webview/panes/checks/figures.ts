/** Figures of a report as text. */
import { t } from '../../l10n/index.ts';
import { sharePercent } from '../../lib/quantity.ts';
import type { Grade, Verdict } from '../../lib/verdict.ts';

/** To a tenth of a percent. */
export function percent(share: number): string {
  return sharePercent(share, 1);
}

/** Cosines near 1 need their digits: 0.99998. */
export function cosineText(cosine: number): string {
  return cosine.toFixed(5);
}

export function decibels(sqnrDb: number | 'inf'): string {
  return sqnrDb === 'inf' ? '∞' : sqnrDb.toFixed(1);
}

export function milliseconds(ms: number): string {
  return ms >= 99.95 ? ms.toFixed(0) : ms >= 9.995 ? ms.toFixed(1) : ms.toFixed(2);
}

/** Points lost or won: −0.3. */
export function points(before: number, after: number): string {
  const change = (after - before) * 100;
  if (Math.abs(change) < 0.005) return '±0';
  return `${change < 0 ? '−' : '+'}${Math.abs(change).toFixed(2)}`;
}

const titles = {
  good: 'verdict.good',
  fair: 'verdict.fair',
  bad: 'verdict.bad',
  unknown: 'verdict.unknown',
} as const satisfies Readonly<Record<Grade, string>>;

export function verdictText(verdict: Verdict): { readonly title: string; readonly text: string } {
  const title = t(titles[verdict.grade]);
  switch (verdict.by) {
    case 'accuracy':
      return {
        title,
        text: t('verdict.accuracy', {
          before: percent(verdict.before),
          after: percent(verdict.after),
          points: points(verdict.before, verdict.after),
        }),
      };
    case 'agreement':
      return { title, text: t('verdict.agreement', { agreement: percent(verdict.agreement) }) };
    case 'cosine':
      return { title, text: t('verdict.cosine', { cosine: cosineText(verdict.cosine) }) };
    case 'nothing':
      return verdict.failed
        ? { title: t('verdict.failed'), text: t('verdict.failed.text') }
        : { title, text: t('verdict.nothing') };
  }
}

const shares: ReadonlySet<string> = new Set(['top-1', 'top-5', 'mean IoU', 'mAP@0.5']);
const lessIsBetter: ReadonlySet<string> = new Set(['cross-entropy', 'perplexity', 'MSE']);

/** A figure against labels: a share in percent, PSNR in dB, the others as they are. */
export function metricText(name: string, value: number): string {
  if (shares.has(name)) return percent(value);
  const text = String(Number(value.toPrecision(4)));
  return name === 'PSNR' ? `${text} dB` : text;
}

/** Points of a share, else the difference; the tone says which way is better. */
export function changeOf(
  name: string,
  before: number,
  after: number,
): { readonly text: string; readonly tone: 'less' | 'more' | 'same' } {
  const isBetter = lessIsBetter.has(name) ? after < before : after > before;
  const tone = after === before ? 'same' : isBetter ? 'less' : 'more';
  if (shares.has(name)) return { text: t('checks.points', { points: points(before, after) }), tone };
  const change = Number((after - before).toPrecision(3));
  return { text: `${change < 0 ? '−' : change > 0 ? '+' : '±'}${Math.abs(change)}`, tone };
}
