/** What the edit would do, before it is done. */
import type { EditRequest, PreviewView } from '../../src/protocol.ts';
import { Change } from '../components/change.tsx';
import { Icon } from '../components/icon.tsx';
import { StackedBar } from '../components/stacked-bar.tsx';
import { t, type TextKey } from '../l10n/index.ts';
import { peakOf } from '../lib/causes.ts';
import { scoresAskedFor } from '../state/draft.ts';
import type { Draft } from '../state/store.ts';
import { ChannelGroups } from './channel-groups.tsx';
import { Latency } from './latency.tsx';

export interface PreviewPanelProps {
  readonly preview: Draft['preview'];
  readonly edit: EditRequest;
}

export function PreviewPanel({ preview, edit }: PreviewPanelProps) {
  return (
    <section
      class="preview"
      aria-label={t('preview.label')}
      aria-busy={preview.kind === 'pending'}
      aria-live="polite"
    >
      {preview.kind === 'pending' && <p class="muted preview-wait">{t(waitingFor(edit))}</p>}
      {preview.kind === 'failed' && (
        <p class="error-text" role="alert">
          <Icon name="error" /> {preview.message}
        </p>
      )}
      {preview.kind === 'known' && <Known view={preview.view} type={edit.type} />}
    </section>
  );
}

/** Reading weights takes its time. */
function waitingFor(edit: EditRequest): TextKey {
  if (edit.type === 'quantize' && edit.options.form === 'auto') return 'preview.auto';
  return scoresAskedFor(edit) === undefined ? 'preview.pending' : 'preview.scores';
}

function Known({ view, type }: { readonly view: PreviewView; readonly type: EditRequest['type'] }) {
  const before = peakOf(view.before);
  const after = peakOf(view.after);
  const scale = Math.max(before.bytes, after.bytes);
  return (
    <>
      <dl class="preview-figures">
        <div>
          <dt>{t('preview.weights', { n: view.changedLayers })}</dt>
          <dd>
            <Change before={view.beforeBytes} after={view.afterBytes} />
          </dd>
        </div>
        <div>
          <dt>{t('preview.peak')}</dt>
          <dd>
            <Change before={before.bytes} after={after.bytes} isAtLeast={after.isAtLeast} />
          </dd>
        </div>
        {type.startsWith('prune') && view.macs !== undefined && (
          <div>
            <dt>{t('column.macs')}</dt>
            <dd>
              <Change {...view.macs} kind="count" />
            </dd>
          </div>
        )}
        {view.latency !== undefined && <Latency view={view.latency} />}
      </dl>
      <StackedBar totals={view.before} scale={scale} label={t('peak.before')} isFaded />
      <StackedBar totals={view.after} scale={scale} label={t('peak.after')} />
      {type === 'prune' && (
        <Line icon="info" text={t(view.groups === undefined ? 'prune.honest' : 'prune.shrinks')} />
      )}
      {type === 'prune-blocks' && <Line icon="info" text={t('blocks.shrinks')} />}
      {type !== 'prune' && <Layers layers={view.layers} />}
      {view.groups !== undefined && <ChannelGroups groups={view.groups} />}
      {view.warnings.map((warning) => (
        <Line key={warning} icon="warning" text={warning} />
      ))}
      {notInGroups(view).map((b) => (
        <Line key={b.layerId} icon="circle-slash" text={`${b.name}: ${b.reason}`} />
      ))}
    </>
  );
}

/** A group that stays says so itself. */
function notInGroups({ blocked, groups = [] }: PreviewView): PreviewView['blocked'] {
  const said = groups.filter((g) => g.blocked !== undefined).flatMap((g) => g.layers.map((l) => l.layerId));
  return blocked.filter((b) => !said.includes(b.layerId));
}

/** More would be no list to read; the table has them all. */
const listedLayers = 200;

function Layers({ layers }: { readonly layers: PreviewView['layers'] }) {
  if (layers.length === 0) return null;
  return (
    <details class="preview-layers" open={layers.some((l) => l.form !== undefined)}>
      <summary>{t('preview.layers')}</summary>
      <table>
        <tbody>
          {layers.slice(0, listedLayers).map((l) => (
            <tr key={l.layerId}>
              <th scope="row" title={l.layerId}>
                {l.name}
              </th>
              <td class="muted">{l.form}</td>
              <td class="numeric">
                <Change before={l.beforeBytes} after={l.afterBytes} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {layers.length > listedLayers && (
        <p class="muted">{t('layers.more', { n: layers.length - listedLayers })}</p>
      )}
    </details>
  );
}

function Line({ icon, text }: { readonly icon: string; readonly text: string }) {
  return (
    <p class={`preview-line ${icon}`}>
      <Icon name={icon} />
      <span>{text}</span>
    </p>
  );
}
