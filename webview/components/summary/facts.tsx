/** The model in short: what does not depend on the dims. */
import type { ComponentChildren } from 'preact';
import { formatBytes } from '../../../src/format.ts';
import type { EstimateView, IoView, ModelView } from '../../../src/protocol.ts';
import { t, wholeNumber } from '../../l10n/index.ts';
import { patchView } from '../../state/store.ts';
import { Amount } from '../amount.tsx';
import { Change } from '../change.tsx';

export interface FactsProps {
  readonly model: ModelView;
  readonly current: EstimateView;
}

export function Facts({ model, current }: FactsProps) {
  const { totals, before } = current;
  return (
    <dl class="facts">
      <Fact title={t('fact.parameters')}>
        <Amount value={totals.parameterCount} kind="count" />
      </Fact>
      <Fact title={t('fact.weights')}>
        {before !== undefined && before.parameterBytes !== totals.parameterBytes ? (
          <Change before={before.parameterBytes} after={totals.parameterBytes} hasPercent={false} />
        ) : (
          <>
            <Amount value={totals.parameterBytes} />
            <Types model={model} />
          </>
        )}
      </Fact>
      <Fact title={t('fact.nodes')}>{wholeNumber(model.nodeCount)}</Fact>
      <Fact title={t('fact.file')}>
        <Amount value={model.fileBytes} />
      </Fact>
      <Fact title={t('fact.opset')}>
        <Opsets model={model} />
      </Fact>
      <Fact title={t('fact.producer')}>{model.producer === '' ? <None /> : model.producer}</Fact>
      <Fact title={t('fact.inputs')} isWide>
        <Ios ios={model.inputs} />
      </Fact>
      <Fact title={t('fact.outputs')} isWide>
        <Ios ios={model.outputs} />
      </Fact>
    </dl>
  );
}

interface FactProps {
  readonly title: string;
  readonly isWide?: boolean;
  readonly children: ComponentChildren;
}

function Fact({ title, isWide = false, children }: FactProps) {
  return (
    <div class={isWide ? 'wide' : ''}>
      <dt>{title}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function None() {
  return <span class="muted">{t('none')}</span>;
}

function Types({ model }: { readonly model: ModelView }) {
  const types = [...model.weightBytesByType].sort((a, b) => b.bytes - a.bytes);
  const [first] = types;
  if (first === undefined) return null;
  const all = types.map((w) => `${w.type}: ${formatBytes(w.bytes)}`).join('\n');
  return (
    <span class="muted" title={all}>
      {' '}
      {first.type}
      {types.length > 1 && ` +${types.length - 1}`}
    </span>
  );
}

function Opsets({ model }: { readonly model: ModelView }) {
  const main = model.opsets.find(isOnnx) ?? model.opsets[0];
  if (main === undefined) return <None />;
  const others = model.opsets.length - 1;
  const all = model.opsets.map((o) => `${isOnnx(o) ? 'ai.onnx' : o.domain} ${o.version}`).join('\n');
  return (
    <span title={all}>
      {isOnnx(main) ? '' : `${main.domain} `}
      {main.version}
      <span class="muted">
        {others > 0 ? ` +${others}` : ''} · IR {model.irVersion}
      </span>
    </span>
  );
}

/** The standard's own operators, written in full or left out. */
function isOnnx({ domain }: { readonly domain: string }): boolean {
  return domain === '' || domain === 'ai.onnx';
}

function Ios({ ios }: { readonly ios: readonly IoView[] }) {
  const [first] = ios;
  if (first === undefined) return <None />;
  return (
    <span class="io" title={ios.map((io) => `${io.name}: ${io.type}`).join('\n')}>
      <span>{first.name}</span> <span class="muted io-type">{first.type}</span>
      {ios.length > 1 && (
        <button type="button" class="link" onClick={() => patchView({ tab: 'overview' })}>
          +{ios.length - 1}
        </button>
      )}
    </span>
  );
}
