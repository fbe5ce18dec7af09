/** What training the original takes, and the key-value cache of a language model, at the chosen dims. */
import { useEffect, useState } from 'preact/hooks';
import type { CacheView, OptimizerName, TrainingChoice, TrainingView } from '../../../src/protocol.ts';
import { type TextKey, t } from '../../l10n/index.ts';
import { ask } from '../../state/host.ts';
import { estimate } from '../../state/store.ts';
import { Amount } from '../amount.tsx';
import { Icon } from '../icon.tsx';
import { CardList } from './cards-panel.tsx';

const optimizers: Readonly<Record<OptimizerName, string>> = {
  sgd: 'SGD',
  momentum: 'Momentum',
  adam: 'Adam',
  adamw: 'AdamW',
};

const usual: TrainingChoice = {
  optimizer: 'adamw',
  optimizerBits: 32,
  precision: 'float32',
  isCheckpointed: false,
};

export function TrainingPanel() {
  const [choice, setChoice] = useState(usual);
  const [view, setView] = useState<TrainingView | undefined>(undefined);
  const current = estimate.value;
  useEffect(() => {
    let isCurrent = true;
    void ask('failed.training', (h) => h.training(choice)).then((found) => {
      if (isCurrent && found !== undefined) setView(found);
    });
    return () => {
      isCurrent = false;
    };
  }, [choice, current]);
  return (
    <div class="beyond">
      <Choices choice={choice} onChange={setChoice} />
      {view !== undefined && <Parts view={view} />}
      {view?.cache !== undefined && <Cache cache={view.cache} />}
      {view !== undefined && <CardList cards={view.cards} />}
    </div>
  );
}

interface ChoicesProps {
  readonly choice: TrainingChoice;
  readonly onChange: (choice: TrainingChoice) => void;
}

function Choices({ choice, onChange }: ChoicesProps) {
  const check = (text: TextKey, isOn: boolean, change: Partial<TrainingChoice>) => (
    <label>
      <input type="checkbox" checked={isOn} onChange={() => onChange({ ...choice, ...change })} /> {t(text)}
    </label>
  );
  return (
    <div class="training-choices">
      <span class="select">
        <select
          aria-label={t('training.optimizer')}
          value={choice.optimizer}
          onChange={(e) => {
            const name = e.currentTarget.value;
            if (isOptimizer(name)) onChange({ ...choice, optimizer: name });
          }}
        >
          {Object.entries(optimizers).map(([name, title]) => (
            <option key={name} value={name} selected={name === choice.optimizer}>
              {title}
            </option>
          ))}
        </select>
        <Icon name="chevron-down" />
      </span>
      {check('training.mixed', choice.precision === 'mixed', {
        precision: choice.precision === 'mixed' ? 'float32' : 'mixed',
      })}
      {check('training.bits8', choice.optimizerBits === 8, {
        optimizerBits: choice.optimizerBits === 8 ? 32 : 8,
      })}
      {check('training.checkpointing', choice.isCheckpointed, { isCheckpointed: !choice.isCheckpointed })}
    </div>
  );
}

function isOptimizer(text: string): text is OptimizerName {
  return Object.hasOwn(optimizers, text);
}

const parts = {
  weights: 'training.weights',
  gradients: 'training.gradients',
  optimizer: 'training.state',
  master: 'training.master',
  activations: 'training.activations',
  transient: 'training.transient',
} as const satisfies Readonly<Record<TrainingView['parts'][number]['name'], TextKey>>;

function Parts({ view }: { readonly view: TrainingView }) {
  return (
    <table class="plain">
      <tbody>
        {view.parts
          .filter((p) => p.bytes !== 0)
          .map((p) => (
            <tr key={p.name} title={p.formula}>
              <th scope="row">{t(parts[p.name])}</th>
              <td class="numeric">
                <Amount value={p.bytes} />
              </td>
            </tr>
          ))}
        <tr class="training-peak">
          <th scope="row">{t('training.peak')}</th>
          <td class="numeric">
            <Amount value={view.peakBytes} isAtLeast={view.isAtLeast} />
          </td>
        </tr>
      </tbody>
    </table>
  );
}

function Cache({ cache }: { readonly cache: CacheView }) {
  const { layers, bytes, bytesPerToken, formula } = cache;
  return (
    <p title={formula}>
      {t('cache.text', { layers })} <Amount value={bytes} />
      {bytesPerToken !== undefined && (
        <span class="muted">
          {' '}
          (<Amount value={bytesPerToken} /> {t('cache.perToken')})
        </span>
      )}
    </p>
  );
}
