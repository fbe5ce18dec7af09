/** One small line per layer, all on the same scale, so that the one that falls first is seen at a glance. */
import type { SensitivityView } from '../../../src/protocol.ts';
import { t } from '../../l10n/index.ts';
import { selectLayer } from '../../state/actions.ts';
import { maxLoss, pruneAsMeasured } from '../../state/sensitivity.ts';
import { sharePercent } from '../../lib/quantity.ts';
import { figureOf, valueScale, type Scale } from './scale.ts';

const [width, height] = [160, 72];

/** A line that is level, where it is within the picture. */
const level = (y: number) => ({ y1: Math.min(height, y), y2: Math.min(height, y) });
/** Room for the scale's ends beside the picture. */
const labels = 34;

export function SensitivityPlots({ view }: { readonly view: SensitivityView }) {
  const scale = valueScale(view);
  const measured = view.layers.filter((l) => l.values.some((v) => v !== null));
  if (measured.length === 0) return null;
  return (
    <ul class="plots" aria-label={t('sensitivity.plots')}>
      {measured.map((layer) => (
        <li key={layer.layerId}>
          <button
            type="button"
            class="link"
            title={t('timeline.toLayer')}
            onClick={() => selectLayer(layer.layerId, { showTable: true })}
          >
            {layer.name}
          </button>
          <Plot layer={layer} view={view} scale={scale} />
        </li>
      ))}
    </ul>
  );
}

interface PlotProps {
  readonly layer: SensitivityView['layers'][number];
  readonly view: SensitivityView;
  readonly scale: Scale;
}

function Plot({ layer, view, scale }: PlotProps) {
  const { ratios, original, measure } = view;
  const widest = ratios.at(-1) ?? 1;
  const x = (ratio: number): number => (width * ratio) / widest;
  const y = (value: number): number => height * (1 - (value - scale.min) / (scale.max - scale.min));
  const known = layer.values.flatMap((value, i) =>
    value === null ? [] : [{ ratio: ratios[i] ?? 0, value }],
  );
  const points = original === undefined ? known : [{ ratio: 0, value: original }, ...known];
  const last = known.at(-1);
  const text =
    last === undefined
      ? layer.name
      : t('sensitivity.plot', {
          name: layer.name,
          ratio: sharePercent(last.ratio, 1),
          value: figureOf(view, last.value),
        });
  return (
    <svg
      class="plot-line"
      viewBox={`${-labels} -6 ${width + labels + 4} ${height + 10}`}
      role="img"
      aria-label={text}
    >
      <path class="plot-frame-line" d={`M0 0V${height}H${width}`} />
      {original !== undefined && (
        <line class="plot-original" x1={0} x2={width} y1={y(original)} y2={y(original)} />
      )}
      {original !== undefined && view.state !== 'running' && (
        <line class="plot-least" x1={0} x2={width} {...level(y(original - maxLoss(measure)))} />
      )}
      <polyline points={points.map((p) => `${x(p.ratio).toFixed(1)},${y(p.value).toFixed(1)}`).join(' ')} />
      {known.map((p) => (
        <circle
          key={p.ratio}
          cx={x(p.ratio)}
          cy={y(p.value)}
          r={2.5}
          onClick={() => pruneAsMeasured(view, layer.layerId, p.ratio)}
        >
          <title>{pointText(view, p)}</title>
        </circle>
      ))}
      <text x={-4} y={4}>
        {figureOf(view, scale.max)}
      </text>
      <text x={-4} y={height}>
        {figureOf(view, scale.min)}
      </text>
    </svg>
  );
}

function pointText(
  view: SensitivityView,
  { ratio, value }: { readonly ratio: number; readonly value: number },
): string {
  return `${sharePercent(ratio, 1)}: ${figureOf(view, value)}. ${t('sensitivity.pruneSo')}`;
}
