"""`NamedTuple` and `Enum` as a push can afford them.

The standard library's bring ``typing``, ``enum``, ``re``, ``functools`` and ``collections`` with
them, and make every class by running a text as code: a third of what a push used to wait for. These
are the part of them that the modules of the push path use. A type checker sees the real ones.
"""

from __future__ import annotations

# A type checker takes this name for true, wherever it comes from.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from enum import Enum as Enum
    from typing import NamedTuple as NamedTuple
else:
    try:
        # What the standard library's own is made with: in C, and a field is read very often.
        from _collections import _tuplegetter
    except ImportError:

        def _tuplegetter(index, _):
            return property(lambda self: self[index])

    class _OfFields(type):
        """Makes a tuple out of a class that annotates its fields."""

        def __new__(mcs, name, bases, space):
            fields = tuple(space.get("__annotations__", ()))
            defaults = {field: space[field] for field in fields if field in space}
            if list(defaults) != list(fields[len(fields) - len(defaults) :]):
                raise TypeError(f"{name} has a field without a default behind one with a default")
            for index, field in enumerate(fields):
                space[field] = _tuplegetter(index, "")
            space.update(
                __slots__=(), __match_args__=fields, _fields=fields, _field_defaults=defaults
            )
            return super().__new__(mcs, name, bases, space)

    class NamedTuple(tuple, metaclass=_OfFields):
        """As `typing.NamedTuple`, in its form as a class, under postponed annotations."""

        def __new__(cls, *values, **named):
            if named or len(values) != len(cls._fields):
                values = _completed(cls, values, named)
            return tuple.__new__(cls, values)

        @classmethod
        def _make(cls, values):
            if len(made := tuple.__new__(cls, values)) != len(cls._fields):
                raise TypeError(f"{cls.__name__} takes {len(cls._fields)} values, not {len(made)}")
            return made

        def _replace(self, **named):
            return type(self)(**{**self._asdict(), **named})

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def __repr__(self):
            shown = (f"{field}={value!r}" for field, value in self._asdict().items())
            return f"{type(self).__name__}({', '.join(shown)})"

        def __getnewargs__(self):
            return tuple(self)

    def _completed(cls, values, named):
        """All values in the order of the fields."""
        if len(values) > len(cls._fields):
            raise TypeError(f"{cls.__name__} takes {len(cls._fields)} values, not {len(values)}")
        given = dict(zip(cls._fields, values, strict=False))
        if twice := given.keys() & named.keys():
            raise TypeError(f"{cls.__name__} is given {', '.join(sorted(twice))} twice")
        if unknown := named.keys() - set(cls._fields):
            raise TypeError(f"{cls.__name__} has no field {', '.join(sorted(unknown))}")
        whole = {**cls._field_defaults, **given, **named}
        if missing := [field for field in cls._fields if field not in whole]:
            raise TypeError(f"{cls.__name__} lacks {', '.join(missing)}")
        return [whole[field] for field in cls._fields]

    class _OfMembers(type):
        """Makes each plain value in a class's body its one member of that value."""

        def __new__(mcs, name, bases, space):
            values = {
                key: space.pop(key)
                for key, value in list(space.items())
                if not key.startswith("_") and not hasattr(value, "__get__")
            }
            cls = super().__new__(mcs, name, bases, space)
            cls._members = {}
            for key, value in values.items():
                if value in cls._members:
                    raise TypeError(f"{name}.{key} has the same value as another member")
                member = object.__new__(cls)
                member.__dict__.update(name=key, value=value)
                cls._members[value] = member
                setattr(cls, key, member)
            return cls

        def __call__(cls, value):
            try:
                return cls._members[value]
            except (KeyError, TypeError):
                raise ValueError(f"{value!r} is not a valid {cls.__qualname__}") from None

        def __iter__(cls):
            return iter(cls._members.values())

        def __len__(cls):
            return len(cls._members)

    class Enum(metaclass=_OfMembers):
        """As `enum.Enum`, with values that are all different."""

        def __setattr__(self, name, value):
            raise AttributeError(f"{self} cannot be changed")

        def __repr__(self):
            return f"<{self}: {self.value!r}>"

        def __str__(self):
            return f"{type(self).__name__}.{self.name}"

        def __reduce__(self):
            return type(self), (self.value,)

        def __copy__(self):
            return self

        def __deepcopy__(self, memo):
            return self
