/** The form that weights take, what each would weigh, and the settings of the chosen one. */
import type { EditRequest, FormName, FormView, QuantizeOptions } from '../../src/protocol.ts';
import { Amount } from '../components/amount.tsx';
import { Percent } from '../components/change.tsx';
import { Icon } from '../components/icon.tsx';
import { t, type TextKey } from '../l10n/index.ts';
import { changeDraft, draftForms, usualCast, usualOptions, type ListedForm } from '../state/draft.ts';
import { CastSettings } from './cast-settings.tsx';
import { CoarseLayers } from './coarse-layers.tsx';
import { FormSettings } from './form-settings.tsx';

const forms: readonly {
  readonly name: ListedForm;
  readonly title: TextKey;
  readonly hint: TextKey;
}[] = [
  { name: 'auto', title: 'quantize.auto', hint: 'quantize.auto.hint' },
  { name: 'dynamic-int8', title: 'quantize.dynamic', hint: 'quantize.dynamic.hint' },
  { name: 'blocks-8', title: 'quantize.blocks8', hint: 'quantize.blocks8.hint' },
  { name: 'blocks-4', title: 'quantize.blocks4', hint: 'quantize.blocks4.hint' },
  { name: 'blocks-2', title: 'quantize.blocks2', hint: 'quantize.blocks2.hint' },
  { name: 'static', title: 'quantize.static', hint: 'quantize.static.hint' },
  { name: 'float16', title: 'quantize.float16', hint: 'quantize.float16.hint' },
];

export type QuantizeRequest = EditRequest & { readonly type: 'quantize' | 'cast' };

export function QuantizeFields({ edit }: { readonly edit: QuantizeRequest }) {
  const { layerIds } = edit;
  const chosen = nameOf(edit);
  const choose = (name: ListedForm): void =>
    changeDraft(
      name === 'float16'
        ? { type: 'cast', layerIds, options: usualCast }
        : { type: 'quantize', layerIds, options: usualOptions(name) },
    );
  const change = (options: QuantizeOptions): void => changeDraft({ type: 'quantize', layerIds, options });
  return (
    <div class="dialog-fields">
      <fieldset class="forms">
        <legend>{t('quantize.form')}</legend>
        {forms.map(({ name, title, hint }) => (
          <FormChoice
            key={name}
            {...{ title, hint }}
            view={draftForms.value.find((f) => f.name === name)}
            isChosen={name === chosen}
            onChoose={() => choose(name)}
          />
        ))}
      </fieldset>
      {edit.type === 'quantize' ? (
        <>
          <FormSettings options={edit.options} change={change} />
          {isPerTensor(edit.options) && <CoarseLayers layerIds={layerIds} />}
        </>
      ) : (
        <CastSettings
          options={edit.options}
          change={(options) => changeDraft({ type: 'cast', layerIds, options })}
        />
      )}
    </div>
  );
}

function isPerTensor(options: QuantizeOptions): boolean {
  const isInt8 = options.form === 'dynamic-int8' || options.form === 'static';
  return isInt8 && options.granularity === 'per-tensor';
}

function nameOf(edit: QuantizeRequest): ListedForm {
  if (edit.type === 'cast') return 'float16';
  const { options } = edit;
  return options.form === 'blocks' ? (`blocks-${options.bits}` satisfies FormName) : options.form;
}

interface FormChoiceProps {
  readonly title: TextKey;
  readonly hint: TextKey;
  readonly view: FormView | undefined;
  readonly isChosen: boolean;
  readonly onChoose: () => void;
}

/** What it is good for is said of the chosen one; what it would weigh, and whether that holds, of all. */
function FormChoice({ title, hint, view, isChosen, onChoose }: FormChoiceProps) {
  return (
    <label class={`form-choice ${isChosen ? 'chosen' : ''}`} title={t(hint)}>
      <input type="radio" name="form" checked={isChosen} onChange={onChoose} />
      <span class="form-title">{t(title)}</span>
      {view !== undefined && <FormFigures view={view} />}
      {isChosen && <span class="form-hint muted">{t(hint)}</span>}
    </label>
  );
}

function FormFigures({ view }: { readonly view: FormView }) {
  if (view.changedLayers === 0) return <span class="form-figures muted">{t('quantize.none')}</span>;
  return (
    <span class="form-figures">
      {view.warning !== undefined && (
        <span class="form-warning" role="img" aria-label={view.warning} title={view.warning}>
          <Icon name="warning" />
        </span>
      )}
      <Amount value={view.afterBytes} /> <Percent before={view.beforeBytes} after={view.afterBytes} />
    </span>
  );
}
