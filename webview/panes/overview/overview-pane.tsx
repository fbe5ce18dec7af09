/** The model in full: inputs and outputs, weights by type, opsets, metadata, what is wrong with it. */
import type { ComponentChildren } from 'preact';
import { formatBytes } from '../../../src/format.ts';
import type { IoView, ModelView } from '../../../src/protocol.ts';
import { Amount } from '../../components/amount.tsx';
import { t, wholeNumber } from '../../l10n/index.ts';
import { sharePercent } from '../../lib/quantity.ts';
import { Diagnostics } from '../../side/diagnostics.tsx';
import { model } from '../../state/store.ts';

export function OverviewPane() {
  const view = model.value;
  if (view === undefined) return null;
  return (
    <div class="overview">
      {view.diagnostics.length > 0 && (
        <Block title={t('diagnostics.title')} isWide>
          <Diagnostics list={view.diagnostics} />
        </Block>
      )}
      <Block title={t('fact.inputs')}>
        <IoTable ios={view.inputs} />
      </Block>
      <Block title={t('fact.outputs')}>
        <IoTable ios={view.outputs} />
      </Block>
      <Block title={t('overview.weights')}>
        <WeightsTable view={view} />
      </Block>
      <Block title={t('overview.file')}>
        <Pairs pairs={filePairs(view)} />
      </Block>
      {view.metadata.length > 0 && (
        <Block title={t('overview.metadata')} isWide>
          <Pairs pairs={view.metadata.map((m) => [m.key, m.value])} />
        </Block>
      )}
    </div>
  );
}

interface BlockProps {
  readonly title: string;
  readonly isWide?: boolean;
  readonly children: ComponentChildren;
}

function Block({ title, isWide = false, children }: BlockProps) {
  return (
    <section class={`block ${isWide ? 'wide' : ''}`} aria-label={title}>
      <h2>{title}</h2>
      {children}
    </section>
  );
}

function IoTable({ ios }: { readonly ios: readonly IoView[] }) {
  if (ios.length === 0) return <p class="muted">{t('none')}</p>;
  return <Pairs pairs={ios.map((io) => [io.name, io.type])} />;
}

function Pairs({ pairs }: { readonly pairs: readonly (readonly [string, string])[] }) {
  return (
    <dl class="pairs">
      {pairs.map(([name, value], i) => (
        <div key={i}>
          <dt title={name}>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function filePairs(view: ModelView): readonly (readonly [string, string])[] {
  return [
    [t('overview.fileName'), view.fileName],
    [t('overview.size'), formatBytes(view.fileBytes)],
    [t('fact.nodes'), wholeNumber(view.nodeCount)],
    [t('fact.producer'), view.producer === '' ? t('none') : view.producer],
    [t('overview.ir'), String(view.irVersion)],
    ...view.opsets.map((o): [string, string] => [
      t('overview.opset', { domain: o.domain === '' ? 'ai.onnx' : o.domain }),
      String(o.version),
    ]),
  ];
}

function WeightsTable({ view }: { readonly view: ModelView }) {
  const types = [...view.weightBytesByType].sort((a, b) => b.bytes - a.bytes);
  const all = types.reduce((sum, w) => sum + w.bytes, 0);
  if (types.length === 0) return <p class="muted">{t('none')}</p>;
  return (
    <table class="plain">
      <thead>
        <tr>
          <th scope="col">{t('column.type')}</th>
          <th scope="col" class="numeric">
            {t('overview.elements')}
          </th>
          <th scope="col" class="numeric">
            {t('column.weights')}
          </th>
          <th scope="col" class="numeric">
            {t('column.share')}
          </th>
        </tr>
      </thead>
      <tbody>
        {types.map((w) => (
          <tr key={w.type}>
            <th scope="row">{w.type}</th>
            <td class="numeric">
              <Amount value={w.count} kind="count" />
            </td>
            <td class="numeric">
              <Amount value={w.bytes} />
            </td>
            <td class="numeric">{sharePercent(w.bytes, all)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
