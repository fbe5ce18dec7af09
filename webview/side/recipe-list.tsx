/** The recipe: every edit, what it saves, what it warns of, and its removal. */
import type { EditView } from '../../src/protocol.ts';
import { Change } from '../components/change.tsx';
import { Icon, IconButton } from '../components/icon.tsx';
import { t } from '../l10n/index.ts';
import { revertEdit } from '../state/actions.ts';
import { isReadOnly, selection } from '../state/store.ts';

export function RecipeList({ edits }: { readonly edits: readonly EditView[] }) {
  if (edits.length === 0) return <p class="muted side-hint">{t('recipe.empty')}</p>;
  return (
    <ol class="recipe">
      {edits.map((edit, index) => (
        <EditItem key={index} edit={edit} index={index} />
      ))}
    </ol>
  );
}

function EditItem({ edit, index }: { readonly edit: EditView; readonly index: number }) {
  const { layerIds } = edit;
  return (
    <li class="edit">
      <Icon name={edit.type?.startsWith('prune') === true ? 'eraser' : 'fold-vertical'} />
      <div class="edit-text">
        <button
          type="button"
          class="edit-label"
          title={t('recipe.select')}
          disabled={layerIds === undefined}
          onClick={() => {
            if (layerIds !== undefined) selection.value = new Set(layerIds);
          }}
        >
          {edit.label}
        </button>
        {edit.beforeBytes !== undefined && edit.afterBytes !== undefined && (
          <p class="edit-figures">
            <Change before={edit.beforeBytes} after={edit.afterBytes} />
          </p>
        )}
        {edit.warnings.map((warning) => (
          <p key={warning} class="edit-warning">
            <Icon name="warning" /> <span>{warning}</span>
          </p>
        ))}
      </div>
      <IconButton
        icon="close"
        label={t('recipe.remove', { edit: edit.label })}
        isDisabled={isReadOnly.value}
        onClick={() => void revertEdit(index)}
      />
    </li>
  );
}
