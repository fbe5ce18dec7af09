/** An edit being thought about: its options, what it would save, what it warns of; then it is applied or not. */
import { useEffect, useRef } from 'preact/hooks';
import { Change } from '../components/change.tsx';
import { Icon, IconButton } from '../components/icon.tsx';
import { t } from '../l10n/index.ts';
import { peakOf } from '../lib/causes.ts';
import { someNames } from '../lib/names.ts';
import { keepTabInside } from '../lib/roving.ts';
import { applyDraft } from '../state/actions.ts';
import { measureSensitivity } from '../state/sensitivity.ts';
import { cancelDraft } from '../state/draft.ts';
import { type Draft, draft, isTrusted, layerById } from '../state/store.ts';
import { PreviewPanel } from './preview-panel.tsx';
import { PruneFields } from './prune-fields.tsx';
import { QuantizeFields } from './quantize-fields.tsx';

export function EditDialog() {
  const current = draft.value;
  return current === undefined ? null : <Dialog current={current} />;
}

function Dialog({ current }: { readonly current: Draft }) {
  const element = useRef<HTMLDialogElement>(null);
  const { edit, preview } = current;
  useEffect(() => {
    const dialog = element.current;
    const before = document.activeElement;
    dialog?.showModal();
    return () => {
      dialog?.close();
      // where the button is gone with the row it was in, the table goes on
      const back = before?.isConnected === true ? before : document.getElementById('layer-grid');
      if (back instanceof HTMLElement) back.focus();
    };
  }, []);
  const isPrune = edit.type === 'prune' || edit.type === 'prune-blocks';
  const isEmpty = edit.type === 'prune-blocks' && edit.options.blocks.length === 0;
  const changesNothing = preview.kind === 'known' && preview.view.changedLayers === 0;
  return (
    <dialog
      class="dialog"
      ref={element}
      aria-labelledby="edit-title"
      onKeyDown={keepTabInside}
      onCancel={(e) => {
        e.preventDefault();
        cancelDraft();
      }}
      onMouseDown={(e) => {
        if (e.target === element.current) cancelDraft(); // the backdrop
      }}
    >
      <form
        onSubmit={(e) => {
          e.preventDefault();
          void applyDraft();
        }}
      >
        <header>
          <Icon name={isPrune ? 'eraser' : 'fold-vertical'} />
          <h2 id="edit-title">{isPrune ? t('prune.title') : t('quantize.title')}</h2>
          <IconButton icon="close" label={t('cancel')} onClick={cancelDraft} />
        </header>
        <p class="dialog-layers muted">{edit.type === 'prune-blocks' ? null : layerNames(edit.layerIds)}</p>
        <div class="dialog-columns">
          {isPrune ? <PruneFields edit={edit} /> : <QuantizeFields edit={edit} />}
          {!isEmpty && <PreviewPanel preview={preview} edit={edit} />}
        </div>
        <footer>
          <Peak preview={preview} />
          {edit.type === 'prune' && isTrusted.value && (
            <button
              type="button"
              class="button secondary dialog-aside"
              title={t('sensitivity.hint')}
              onClick={() => measureSensitivity(edit)}
            >
              {t('sensitivity.measure')}
            </button>
          )}
          <button type="button" class="button secondary" onClick={cancelDraft}>
            {t('cancel')}
          </button>
          <button
            type="submit"
            class="button"
            autofocus
            disabled={isEmpty || preview.kind === 'failed' || changesNothing}
          >
            {isPrune ? t('prune.apply') : t('quantize.apply')}
          </button>
        </footer>
      </form>
    </dialog>
  );
}

/** Where the preview is below the choices, and so out of sight while they change. */
function Peak({ preview }: Pick<Draft, 'preview'>) {
  if (preview.kind !== 'known') return null;
  const [before, after] = [peakOf(preview.view.before), peakOf(preview.view.after)];
  return (
    <p class="dialog-peak" aria-hidden="true">
      {t('preview.peak')} <Change before={before.bytes} after={after.bytes} isAtLeast={after.isAtLeast} />
    </p>
  );
}

function layerNames(ids: readonly string[]): string {
  return someNames(ids.map((id) => layerById.value.get(id)?.name ?? id));
}
