/** One choice of a dialog with what it means: one of several where it has a name, else on or off. */
export interface ChoiceProps {
  readonly name?: string;
  readonly title: string;
  readonly hint: string;
  readonly isChosen: boolean;
  readonly onChoose: () => void;
}

export function Choice({ name, title, hint, isChosen, onChoose }: ChoiceProps) {
  return (
    <label class="choice">
      <input
        type={name === undefined ? 'checkbox' : 'radio'}
        name={name}
        checked={isChosen}
        onChange={onChoose}
      />
      <span>
        {title} <span class="muted">{hint}</span>
      </span>
    </label>
  );
}
